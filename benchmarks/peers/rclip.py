# /// script
# dependencies = [
#   "rclip==3.3.0", "torch==2.15.0", "torchvision==0.29.2", "open_clip_torch==3.3.0", "onnx==1.23.2",
# ]
# ///
"""Index of a folder of photos by rclip, as its command line makes it before each search: its defaults, ONNX, fp32.

rclip.py MODEL_FOLDER PHOTOS

Its own model is a ViT-B/32 of 256 pixels (64 patches instead of 49). The weights of MODEL_FOLDER, places interpolated,
are written the way its own are: ONNX, opset 18, by the exporter of TorchScript. That is done in another process before
the clock runs. The text model is an empty file, which indexing only wants to be there.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def export(model_folder, visual):
    import open_clip
    import torch

    model = open_clip.create_model("ViT-B-32-256", pretrained=f"{model_folder}/open_clip_model.safetensors").eval()
    axes = {"input": {0: "batch"}, "output": {0: "batch"}}
    torch.onnx.export(
        model.visual,
        (torch.zeros(1, 3, 256, 256),),
        visual,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes=axes,
        opset_version=18,
        dynamo=False,
    )


def index(data, photos):
    started = time.perf_counter()
    os.environ["RCLIP_DATADIR"] = str(data)
    import numpy as np
    from rclip.db import DB
    from rclip.main import RClip
    from rclip.model import Model
    from rclip.utils import helpers

    batch = helpers.init_arg_parser().parse_args(["any"]).indexing_batch_size
    model, database = Model(), DB(data / "db.sqlite3")
    model.ensure_downloaded()
    tool = RClip(model, database, batch, exclude_dirs=None)
    model._session_visual_index  # noqa: B018 -- loads the model, which it would do at its first batch
    before = time.perf_counter()
    model.compute_preprocessed_image_features([np.zeros((3, 256, 256), np.float32)] * batch, for_indexing=True)
    began = time.perf_counter()
    tool.ensure_index(photos)
    ended = time.perf_counter()
    found = sum(1 for _ in database.get_image_vectors_by_dir_path(photos))
    return {
        "photos": found,
        "seconds": ended - began,
        "whole_seconds": ended - started - (began - before),
        "note": "256 pixels instead of 224",
    }


def main():
    if sys.argv[1] == "--export":
        export(*sys.argv[2:])
        return
    model_folder, photos = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        data = Path(place)
        model, vocabulary = data / "ViT-B-32-256-datacomp_s34b_b86k", data / "tokenizer"
        model.mkdir()
        vocabulary.mkdir()
        (model / "textual.onnx").touch()
        (vocabulary / "bpe_simple_vocab_16e6.txt.gz").touch()
        command = [sys.executable, "-I", __file__, "--export", model_folder, str(model / "visual.onnx")]
        subprocess.run(command, check=True, stdout=sys.stderr)
        print(json.dumps(index(data, str(Path(photos).resolve()))))


if __name__ == "__main__":
    main()
