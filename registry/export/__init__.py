"""Exports: a whole prefix as CSV, NDJSON or Parquet, of one moment, that a bulk job takes back without a difference.

export_doors → running      in the workers: HTTP, and a process for each export
process → rows → formats    in that process: one snapshot, read by a cursor, written to a pipe
"""
