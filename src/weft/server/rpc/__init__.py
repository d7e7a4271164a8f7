"""GLoom's RPC: Go's net/rpc on TCP, in gob and in JSON, for the programs that GLoom's users have."""
