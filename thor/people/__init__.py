"""Who may look and who may act: accounts, sessions, keys, the audit."""
