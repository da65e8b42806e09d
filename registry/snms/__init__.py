"""The SNMS door: the HTTP API that ERP, MES and label software already calls, in front of the registry's own verbs."""
