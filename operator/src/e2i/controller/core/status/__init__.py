"""The status of an E2IModel: what is reported, what is remembered in it, and what is new. Pure."""
