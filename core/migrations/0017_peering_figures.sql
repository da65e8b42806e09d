-- The figures of peering look at these every second; there are few of them among many.

CREATE INDEX peering_command_settled ON peering_command (id) WHERE state IN ('refused', 'failed');
