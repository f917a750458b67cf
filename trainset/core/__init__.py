"""The modality-free core: records, their fold, the index, routing and the queue."""
