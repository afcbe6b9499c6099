"""scikit-learn: fitted estimators and pipelines, as tensor programs in plain ONNX operators.

    graph.py        the graph that is built, and which function converts which class
    transforms.py   scalers, projections, encoders, pipelines
    linear.py       linear models, multilayer perceptrons, naive Bayes
    kernels.py      support vector machines, nearest neighbours, k-means
    trees.py        trees, forests, boosting

A function takes float32 rows, any number of them, and gives what scikit-learn's methods give:
`predict` of a classifier the labels, then the probabilities or, where there are none, the scores of
its decision function; `predict` of a regressor its values; `transform` of anything else.
"""
from __future__ import annotations

import pathlib
import tempfile

from ..route import Imported, MissingPackage, Options, Refusal, Route
from ..source import Source, SourceError


def _load(source: Source, options: Options):
    """The estimator in a pickle."""
    if not options.trust_pickle:
        raise SourceError(f"{source.path}: a pickle is a program, which loading it would run; give "
                          "--trust-pickle if you made this file yourself")
    try:
        import sklearn
        import joblib  # it comes with scikit-learn, and reads plain pickles too
    except ImportError:
        raise MissingPackage("scikit-learn", "sklearn") from None
    try:
        estimator = joblib.load(source.path)
    except (Exception, SystemExit) as error:  # a pickle can raise anything
        raise SourceError(f"{source.path}: not a pickle that scikit-learn {sklearn.__version__} "
                          f"loads: {type(error).__name__}: {error}") from None
    if not isinstance(estimator, sklearn.base.BaseEstimator):
        raise SourceError(f"{source.path}: a pickle of {type(estimator).__name__}, expected an "
                          "estimator or a pipeline of scikit-learn")
    return estimator


def convert(estimator, function: str | None = None):
    """A fitted estimator as an ONNX model, and notes on it. Refusal: it has no conversion here."""
    from . import kernels, linear, trees, transforms  # noqa: F401  they register themselves
    from . import graph
    try:
        return graph.convert(estimator, function)
    except AttributeError as error:
        raise Refusal(f"{type(estimator).__name__}: {error}; it is not fitted, or of another "
                      "release of scikit-learn") from None


def import_pickle(source: Source, output: pathlib.Path, options: Options) -> Imported:
    try:
        import onnx
    except ImportError:
        raise MissingPackage("onnx", "sklearn") from None
    from ..onnx import import_onnx
    proto, notes = convert(_load(source, options), options.function)
    unknown = sorted(set(options.dims) - {"batch"})
    if unknown:
        raise SourceError(f"{source.path}: no dimension '{unknown[0]}'; named dimensions: batch")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        onnx.save(proto, str(path))
        imported = import_onnx(Source(path, "onnx"), output, options)
    imported.notes[:0] = notes
    imported.route = "sklearn"
    return imported


def routes(kind: str) -> list[Route]:
    del kind
    return [Route("sklearn", import_pickle)]


__all__ = ["convert", "import_pickle", "routes"]
