"""How fast the risk module is, beside its peers and beside what the machine can do at all."""
