"""Explanations as pictures: a scene of plain shapes, written as SVG, or as PNG by Pillow."""
