"""The photographs that scikit-learn ships, as a network takes them."""
from __future__ import annotations

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

# Of the pictures of ImageNet, red, green and blue; what such networks are usually fed with.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def load(size: int) -> tuple[list[str], np.ndarray]:
    """Names and f32[n,size,size,3]: the left, middle and right square of each photograph."""
    data = load_sample_images()
    names, pictures = [], []
    for path, pixels in zip(data.filenames, data.images):
        height, width = pixels.shape[:2]
        for part, left in (("left", 0), ("middle", (width - height) // 2),
                           ("right", width - height)):
            square = Image.fromarray(pixels[:, left:left + height])
            small = np.asarray(square.resize((size, size), Image.Resampling.BILINEAR), np.float32)
            names.append(f"{path.rsplit('/', 1)[-1]} {part}")
            pictures.append((small / 255 - MEAN) / DEVIATION)
    return names, np.ascontiguousarray(np.stack(pictures).astype(np.float32))
