"""The contract: source, compiler settings, compiled form."""
