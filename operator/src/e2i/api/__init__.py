"""What every product knows of an E2IModel: spec, conditions, names, tags, quantities, records. Pure."""
