"""`ivr call` and `ivr answer`: telephones that try the whole from outside."""
