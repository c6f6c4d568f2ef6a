"""Pure decisions: values in, values out. No input, no output, no clock, no kopf."""
