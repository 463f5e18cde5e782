"""The method that is fitted to one clip alone: candidates, fusion network, fit."""
