"""SelfHVD small, part by part: the fusion network fitted to short clips on two cores, with every arm beside it."""
