"""The package's writers of small public checkpoints, under the name that tests know."""

from remdm.studies.reproduce.public_files import (  # noqa: F401
    bytes_tokenizer,
    filled,
    halton_file,
    llada_folder,
    maskgit_file,
    mdlm_folder,
    vq_file,
)
