"""Values of an E2IModel that every product shares: spec, conditions, names, tags, quantities, records. Pure."""
