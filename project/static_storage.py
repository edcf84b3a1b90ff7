"""Static files with a hash in their names, so that a browser keeps them for ever and never mixes two versions."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Also rewrites ``import … from "./module.js"``, without which a module would import the unhashed file."""

    support_js_module_import_aggregation = True
