"""How often the golden-set audit names bad parts: artifacts/reports/golden_audit.md."""
