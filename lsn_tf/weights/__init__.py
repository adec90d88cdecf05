"""The weights that come with the package: NAME.keras, its model card NAME.json, and the card to read, NAME.md."""
