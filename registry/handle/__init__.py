"""Administration by Handle clients: who may do what to which record, carried out by the verbs that every other door calls."""
