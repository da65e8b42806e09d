"""`biaojie capacity`: what a node on this machine would carry."""
