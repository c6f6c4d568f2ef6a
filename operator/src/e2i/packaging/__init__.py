"""From a trained model to a bento and its manifest."""
