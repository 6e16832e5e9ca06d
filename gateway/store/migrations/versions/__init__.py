"""One file per change of the schema, from the first."""
