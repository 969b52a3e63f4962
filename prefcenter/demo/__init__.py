"""`prefcenter demo`: sample people, a newsletter, a mailbox and a marketing tool on throwaway data."""
