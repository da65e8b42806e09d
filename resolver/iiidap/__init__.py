"""IIIDAP: registration data of prefixes, for anybody who asks. Not resolution: it says whose a prefix is.

Modelled on RDAP (RFC 7480 to 7484, 9082, 9083), after CAICT's drafts mcd-identifier-access-query and -responce,
ma-identifier-access-http.
"""
