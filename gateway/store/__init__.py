"""The memory of a gateway: records, deliveries, evidence and positions in one database."""
