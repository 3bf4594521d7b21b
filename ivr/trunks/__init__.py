"""Connections to carriers (外線): what `trunks.yaml` says of them. How Asterisk is told: ivr/asterisk/trunks.py."""
