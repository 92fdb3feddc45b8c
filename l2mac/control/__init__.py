"""The control unit: fetch, execute, check, retire."""
