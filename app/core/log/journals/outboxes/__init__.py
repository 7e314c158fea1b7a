"""The outboxes of the journals that several processes share."""
