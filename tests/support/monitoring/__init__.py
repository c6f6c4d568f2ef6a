"""The rules for Prometheus, made from two tables: windows and alerts. Tests make them with shorter windows too."""
