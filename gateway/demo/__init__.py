"""The demonstration: two offices' networks of different kinds, records both ways, one dossier, checked."""
