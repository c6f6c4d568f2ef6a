"""Pure decisions: values in, values out. No input, no output, no clock, no kopf.

Two words for what goes wrong. A `Problem` holds something up now, and may pass; a final one condemns the release. A
`Failure` is what stays of it in the status: a trial that failed and why. It is not tried again as it is.
"""
