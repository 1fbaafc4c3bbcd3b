#!/usr/bin/env python3
"""Writes data/evaluation.safetensors: k-NN, logistic regression and ridge regression of scikit-learn on overlapping clusters. Needs Debian's python3-sklearn (1.2)."""
import os

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import safetensors_io

ROWS, QUERIES, FEATURES, CLASSES, TEXT = 600, 300, 37, 7, 10
NEIGHBOURS, TEMPERATURE, PENALTY, RIDGE = 20, 0.1, 1e-3, 1e-2


def clusters(random, centres, count):
    """Features with uneven scales, labels, and embeddings that depend on the features."""
    labels = random.integers(0, CLASSES, count)
    rows = centres[labels] + random.normal(size=(count, FEATURES))
    return (rows * np.linspace(0.2, 5, FEATURES) + 1).astype(np.float32), labels.astype(np.int64)


def main():
    random = np.random.default_rng(1)
    centres = 0.45 * random.normal(size=(CLASSES, FEATURES))
    x, labels = clusters(random, centres, ROWS)
    queries, query_labels = clusters(random, centres, QUERIES)
    text = (x @ random.normal(size=(FEATURES, TEXT)) / 10 + random.normal(size=(ROWS, TEXT))).astype(np.float32)
    wide, wide_queries = x.astype(np.float64), queries.astype(np.float64)
    knn = KNeighborsClassifier(NEIGHBOURS, metric="cosine", algorithm="brute", weights=lambda distance: np.exp((1 - distance) / TEMPERATURE)).fit(wide, labels)
    scaler = StandardScaler().fit(wide)
    probe = LogisticRegression(C=1 / (PENALTY * ROWS), tol=1e-10, max_iter=100_000).fit(scaler.transform(wide), labels)
    ridge = Ridge(alpha=RIDGE * ROWS).fit(scaler.transform(wide), text.astype(np.float64))
    probabilities = probe.predict_proba(scaler.transform(wide_queries))
    shares = knn.predict_proba(wide_queries)
    print("k-NN", (shares.argmax(1) == query_labels).mean(), "linear", (probabilities.argmax(1) == query_labels).mean())
    safetensors_io.write(os.path.join(os.path.dirname(__file__), "data", "evaluation.safetensors"), {
        "x": x, "labels": labels, "queries": queries, "query_labels": query_labels, "text": text,
        "knn_shares": shares, "linear_probabilities": probabilities, "ridge": ridge.predict(scaler.transform(wide_queries)),
    })


if __name__ == "__main__":
    main()
