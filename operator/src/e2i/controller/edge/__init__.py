"""Everything of the operator that touches the world, one module for each outside system."""
