"""Measurements beside their peers. Nothing here is a test."""
