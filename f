room	0-0
