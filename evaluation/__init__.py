"""What tells whether shape was translated: samples, metrics, judges, reports."""
