"""Cells of scikit-learn; the other way is skl2onnx with iree-import-onnx and iree-compile after it.

The rows are digits. Classifiers give their labels and what `predict_proba` or `decision_function` says,
regressors what `predict` says, everything else what `transform` does.
"""
import pathlib
import pickle
import tempfile
import warnings

import compiled
import numpy as np
import sklearn
from sklearn import (cluster, datasets, decomposition, ensemble, linear_model, naive_bayes, neighbors,
                     neural_network, preprocessing, svm, tree)
from sklearn.pipeline import make_pipeline

from eerie.importers import Options, import_model
from eerie.importers.route import Dim

TITLE = f"scikit-learn {sklearn.__version__}"
THEIRS = "skl2onnx and iree-import-onnx"
_SCALER = preprocessing.StandardScaler
_SEED = {"random_state": 0}

CASES = {
    "scaler, logistic regression": make_pipeline(
        _SCALER(), linear_model.LogisticRegression(max_iter=200)),
    "scaler, perceptron": make_pipeline(
        _SCALER(), neural_network.MLPClassifier((32,), max_iter=30, **_SEED)),
    "pca, linear svc": make_pipeline(decomposition.PCA(20), svm.LinearSVC()),
    "svc": svm.SVC(),
    "neighbours": neighbors.KNeighborsClassifier(),
    "naive bayes": naive_bayes.GaussianNB(var_smoothing=1e-3),
    "tree": tree.DecisionTreeClassifier(**_SEED),
    "forest": ensemble.RandomForestClassifier(10, **_SEED),
    "boosting": ensemble.GradientBoostingClassifier(n_estimators=5, **_SEED),
    "ridge": make_pipeline(preprocessing.MinMaxScaler(), linear_model.Ridge()),
    "svr": make_pipeline(_SCALER(), svm.SVR()),
    "forest of numbers": ensemble.RandomForestRegressor(10, **_SEED),
    "polynomial features": make_pipeline(decomposition.PCA(5), preprocessing.PolynomialFeatures(2)),
    "normalizer": preprocessing.Normalizer(),
    "k-means": cluster.KMeans(4, n_init=1, **_SEED),
}
MODELS = list(CASES)


def _expected(estimator, x):
    if hasattr(estimator, "classes_"):
        scores = getattr(estimator, "predict_proba", None) or estimator.decision_function
        return [estimator.predict(x), scores(x)]
    if hasattr(estimator, "predict"):
        return [estimator.predict(x)]
    return [estimator.transform(x)]


def _ours(estimator, folder: pathlib.Path, batch):
    path = folder / "model.pkl"
    path.write_bytes(pickle.dumps(estimator))
    dims = {} if batch is None else {"batch": Dim(batch, batch)}
    imported = import_model(str(path), folder / "model.mlir", Options(trust_pickle=True, dims=dims))
    return compiled.compile_mlir(imported.path.read_bytes(), imported.input_type)


def _theirs(estimator, folder: pathlib.Path, batch):
    import onnx_cells
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
    proto = skl2onnx.to_onnx(
        estimator, initial_types=[("x", FloatTensorType([batch, estimator.n_features_in_]))],
        options=options, target_opset=18)
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return onnx_cells.by_theirs(path)


def run(way: str, name: str, dynamic: bool) -> float:
    warnings.simplefilter("ignore")
    data = datasets.load_digits()
    x, y = data.data.astype(np.float32), data.target
    estimator = sklearn.base.clone(CASES[name]).fit(x[:1000], y[:1000])
    with tempfile.TemporaryDirectory() as folder:
        make = _theirs if way == "theirs" else _ours
        model = make(estimator, pathlib.Path(folder), None if dynamic else 3)
    worst, first = 0.0, 1000
    for batch in (3, 1, 40) if dynamic else (3, 3):
        rows = x[first:first + batch]
        first += batch
        got = model.find()(rows)
        got = got if isinstance(got, tuple) else (got,)
        wanted = _expected(estimator, rows)
        if way == "theirs":  # it gives more than was asked for, and single values as columns
            got = tuple(part.reshape(want.shape) for part, want in zip(got, wanted))
        worst = max(worst, compiled.difference(got, wanted))
    return worst
