"""Label formats of images: an importer and an exporter each, in a module of the format's name."""
