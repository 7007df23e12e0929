"""Pictures: the tokenizer's round trip, the grid's geometry, guidance, counts, given cells, and the trained model."""

import base64
import csv
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from remdm.cli import main
from remdm.domains.image import domain, emoji, rendering
from remdm.domains.image.album import Album, _turns
from remdm.domains.image.codes import codes_of
from remdm.domains.image.measure import MEASUREMENT, nearest
from remdm.domains.image.pictures import address, hatched
from remdm.evaluation.metrics.frechet import classifier_score, frechet, moments
from remdm.models.network import compute
from remdm.models.small_vqgan import SmallVQGAN, SmallVQGANConfig
from remdm.models.square_transformer import GridConfig, GridTransformer
from remdm.models.vq import as_input, as_pixels
from remdm.runs.record import prepare, record, together
from remdm.runs.request import RunRequest
from remdm.runs.tokens import TokenView
from remdm.runs.trace import replay
from remdm.sampling.denoiser import subs
from remdm.sampling.methods import settings


def disc():
    """A red disc right of the middle on a white ground, uint8 `[96, 96, 3]`: no mirror image of itself."""
    rows, columns = np.indices((96, 96))
    inside = (rows - 36) ** 2 + (columns - 60) ** 2 < 21**2
    return np.where(inside[..., None], (220, 40, 40), (255, 255, 255)).astype(np.uint8)


def order(category="heart", steps=8, sampler="mdlm", seed=1, scale=1.0, start=None, **more):
    chosen = settings(sampler, steps, **({"nucleus_p": 1.0, "temperature": 0.8} | more))
    asked = domain.Asked(category, "any", scale)
    return RunRequest(domain.DOMAIN, domain.EMOJI, "", 256, chosen, seed, asked=asked, start=start)


# The tokenizer


def test_pixels_survive_the_way_to_the_network_and_back():
    pixels = torch.from_numpy(disc())[None]
    assert torch.equal(as_pixels(as_input(pixels)), pixels)


def test_the_trained_tokenizer_draws_what_it_read():
    vq, pixels = rendering.tokenizer(), torch.from_numpy(disc())[None]
    codes = vq.encode(as_input(pixels))
    assert codes.shape == (1, 16, 16) and codes.max() < vq.config.codes
    off = (as_pixels(vq.decode(codes)).int() - pixels.int()).abs().float().mean()
    assert off < 8  # of 255; the mirror image is off by 40
    mirrored = (as_pixels(vq.decode(codes)).int() - pixels.flip(2).int()).abs().float().mean()
    assert mirrored > 4 * off


def test_rows_of_codes_are_rows_of_the_picture():
    """A code changed at row 3, column 12 changes pixels about (21, 75) and none far away."""
    torch.manual_seed(0)
    vq = SmallVQGAN(SmallVQGANConfig(16, 8, narrow=8, encoder_wide=8, wide=8, middle=8, fine=4)).eval()
    codes = torch.zeros(1, 16, 16, dtype=torch.int64)
    other = codes.clone()
    other[0, 3, 12] = 5
    changed = (vq.decode(codes) - vq.decode(other)).abs().sum(1)[0].nonzero()
    centre = changed.float().mean(0)
    assert (centre - torch.tensor([20.5, 74.5])).abs().max() < 1.5
    assert (changed - torch.tensor([20, 74])).abs().max() <= 6 * 8


def test_an_unknown_cell_does_not_reach_the_decoder():
    vq = rendering.tokenizer()
    codes = torch.randint(vq.config.codes, (1, 16, 16), generator=torch.Generator().manual_seed(0))
    known = torch.ones(1, 16, 16, dtype=torch.bool)
    known[0, 4:8, 4:8] = False
    other = codes.clone()
    other[0, 4:8, 4:8] = 3
    assert torch.equal(vq.decode(codes, known), vq.decode(other, known))


# The network and what is put in front of it


def test_the_network_never_gives_mass_to_a_condition_or_the_mask():
    config = GridConfig(codes=20, kinds=4, grid=4, fine=16, width=32, depth=1)
    network = GridTransformer(config).eval()
    tokens = torch.full((2, 2 + 16), config.mask_id)
    tokens[:, :2] = torch.tensor([21, 23])
    rows = tokens == config.mask_id
    log_x = subs(network.head(network.hidden(tokens)[rows]), config.mask_id)
    assert log_x.shape == (32, 21)
    assert (log_x[:, config.mask_id] == -torch.inf).all()
    assert torch.allclose(log_x.exp().sum(1), torch.ones(32))


def test_cells_in_one_square_are_told_apart():
    """The 2 x 2 squares are undone the way they were made: unmixed, a cell's change is seen there alone."""
    torch.manual_seed(0)
    config = GridConfig(codes=20, kinds=4, grid=4, fine=16, width=32, depth=0)
    network = GridTransformer(config).eval()
    for block in (*network.first_blocks, *network.last_blocks):
        torch.nn.init.zeros_(block.mix.weight)
    torch.nn.init.zeros_(network.out.weight)
    tokens = torch.randint(20, (1, 18))
    tokens[:, :2] = torch.tensor([21, 23])
    other = tokens.clone()
    other[0, 2 + 6] = (tokens[0, 2 + 6] + 1) % 20
    moved = (network.hidden(tokens) - network.hidden(other)).abs().sum(-1)[0]
    assert moved.nonzero().flatten().tolist() == [2 + 6]


# A picture as the page shows it


def test_ids_are_codes_row_by_row_and_what_is_not_a_code_is_unknown():
    ids = list(range(256))
    ids[1], ids[17], ids[18] = 512, 513, 1 << 24
    codes, known = codes_of(ids, 512)
    assert codes[0, 15] == 15 and codes[1, 0] == 16
    assert [tuple(place) for place in np.argwhere(~known)] == [(0, 1), (1, 1), (1, 2)]


def test_masked_cells_are_hatched_and_nothing_else():
    pixels, known = disc(), np.ones((16, 16), dtype=bool)
    known[2, 3] = False
    drawn = hatched(pixels, known)
    differs = (drawn != pixels).any(-1)
    assert differs[12:18, 18:24].all()
    differs[12:18, 18:24] = False
    assert not differs.any()


def test_a_scene_is_small_and_says_nothing_before_the_first_code():
    assert domain.scene(TokenView((512,) * 256, 512)) == {"picture": ""}
    some = domain.scene(TokenView((5,) * 100 + (512,) * 156, 512))["picture"]
    assert some.startswith("data:image/webp;base64,")
    assert len(address(disc())) < 3000


@pytest.mark.parametrize("length", [1, 15, 144, 255, 1024])
def test_a_picture_of_another_size_is_not_drawn(length):
    view = TokenView((5,) * length, 512)
    assert (domain.scene(view), domain.tile(view), domain.numbers([view])) == (None, "", [])


def test_the_atlas_has_a_patch_for_every_code():
    address = rendering.atlas()["atlas"]
    assert address.startswith("data:image/webp;base64,")
    vq = rendering.tokenizer()
    cell, few = vq.config.cell, torch.tensor([0, 31, 32, 700, 1023])
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        assert picture.size == (32 * cell, vq.config.codes // 32 * cell)
        corners = [(code % 32 * cell, code // 32 * cell) for code in few.tolist()]
        kept = [np.asarray(picture.crop((x, y, x + cell, y + cell)).convert("RGB")) for x, y in corners]
    off = np.abs(np.stack(kept).astype(int) - rendering.patches(vq, few))
    assert off.max() <= 2, "the file is that of today's weights"


# Runs of the trained model


def test_maskgit_counts_follow_the_schedule():
    for schedule in ("linear", "maskgit-cosine"):
        trace = record(order(sampler="maskgit", steps=8, schedule=schedule, temperature=1.0))
        left = 256
        for frame in trace.steps[:-1]:
            wanted = max(1, min(left - 1, int(256 * (1 - frame.alpha_s) + 1e-9)))
            left -= len(frame.decoded)
            assert left == wanted
        assert len(trace.steps[-1].decoded) == left


def test_given_cells_never_change():
    whole = record(order(seed=2))
    start = [whole.mask_id if place % 16 < 8 else code for place, code in enumerate(whole.final)]
    filled = record(order(category="flag", steps=16, sampler="remdm-rescale", eta=0.5, start=tuple(start)))
    given = {place for place in range(256) if place % 16 >= 8}
    assert all(int(filled.final[place]) == start[place] for place in given)
    touched = {place for frame in filled.steps for place in (*frame.remasked, *(p for p, _, _ in frame.decoded))}
    assert touched and not touched & given
    assert any(frame.remasked for frame in filled.steps)
    for ids in replay(filled):
        assert all(int(ids[place]) == start[place] for place in given)


def test_a_picture_is_the_same_alone_and_among_others():
    first = order(steps=4)
    batch = together([first, replace(first, index=1)])
    frames = [[], []]
    for step in batch.steps():
        for place, seen in enumerate(step):
            if seen:
                frames[place].append(seen.frame)
    alone = record(replace(first, index=1))
    assert alone.final == batch.runs[1].trace(frames[1]).final


def test_the_model_draws_what_is_asked():
    """Nine of 26 categories, two pictures of each; by chance 7 or more of 18 are right once in 370,000."""
    right = 0
    for category in emoji.NAMES[::3]:
        orders = [replace(order(category, steps=16, sampler="mdlm", scale=4.0), index=index) for index in range(2)]
        batch = together(orders)
        frames = [[] for _ in orders]
        for step in batch.steps():
            for place, seen in enumerate(step):
                if seen:
                    frames[place].append(seen.frame)
        finals = [prepared.trace(each).final for prepared, each in zip(batch.runs, frames, strict=True)]
        right += domain.answers(finals).count(category)
    assert right >= 7


def test_no_prompt_is_read():
    with pytest.raises(ValueError, match="reads no prompt"):
        domain.start("a red heart", 256, domain.EMOJI.load(compute("cpu")))


def test_asked_refuses_what_is_not_there():
    with pytest.raises(ValueError, match="category must be one of"):
        domain.Asked(category="dragonish")
    with pytest.raises(ValueError, match="category must be one of"):
        prepare(order("goldfish"))  # one of ImageNet's
    with pytest.raises(ValueError, match="guidance_scale must lie between"):
        domain.Asked(guidance_scale=99.0)


# Figures


def test_frechet_distance_of_known_gaussians():
    eye = torch.eye(3, dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    assert frechet((zero, eye), (zero, eye)) == pytest.approx(0, abs=1e-9)
    assert frechet((zero, eye), (zero + 2, eye)) == pytest.approx(12)
    assert frechet((zero, eye), (zero, 4 * eye)) == pytest.approx(3)  # 3 x (1 - 2)^2
    turned = torch.tensor([[2.0, 1, 0], [1, 2, 0], [0, 0, 1]], dtype=torch.float64)
    assert frechet((zero, turned), (zero, turned)) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="at least two"):
        moments(torch.zeros(1, 3))


def test_score_goes_from_one_to_the_number_of_kinds():
    assert classifier_score(torch.full((10, 4), 0.25)) == pytest.approx(1)
    assert classifier_score(torch.eye(4)) == pytest.approx(4, rel=1e-6)


# The data


def test_categories_take_each_emoji_once_and_leave_the_rest():
    face = {"short_name": "smile", "subcategory": "face-smiling", "sort_order": 1}
    odd = {"short_name": "skull", "subcategory": "face-negative", "sort_order": 2}
    clock = {"short_name": "clock1230", "subcategory": "time", "sort_order": 3}
    watch = {"short_name": "watch", "subcategory": "time", "sort_order": 4}
    kept = [(emoji.NAMES[kind], entry["short_name"]) for kind, entry in emoji._kept([watch, clock, odd, face])]
    assert kept == [("face", "smile"), ("clock", "clock1230")]


def album(category):
    """One training picture of a category: red on the left, white on the right."""
    pixels = np.full((1, 96, 96, 3), 255, dtype=np.uint8)
    pixels[:, :, :48] = (255, 0, 0)
    label = np.array([emoji.NAMES.index(category)])
    nothing = np.zeros(1, dtype=np.int64)
    return Album(emoji.Emoji(pixels, label, nothing, nothing.astype(bool)), torch.device("cpu"))


def test_pictures_are_mirrored_only_where_they_stay_of_their_kind():
    generator = torch.Generator().manual_seed(0)
    chosen = torch.zeros(64, dtype=torch.int64)
    for category, mirrored in (("face", True), ("sign", False)):
        pictures = as_pixels(album(category).varied(chosen, generator))
        assert pictures.shape == (64, 96, 96, 3)
        left = (pictures[:, 48, 20, 2] < 128) & (pictures[:, 48, 76, 2] > 250)
        assert left.all() == (not mirrored) and left.any()


def test_turned_colours_leave_grey_alone():
    turns = _turns(torch.tensor([0.3, 2.0]))
    assert torch.allclose(turns @ torch.ones(3), torch.ones(2, 3), atol=1e-6)
    assert torch.allclose(turns @ turns.transpose(1, 2), torch.eye(3).expand(2, 3, 3), atol=1e-6)


def test_nearest_counts_cells_in_common_with_the_likest():
    known = np.zeros((3, 256), dtype=int)
    known[1, :64] = 7
    sample = np.zeros((1, 256), dtype=int)
    sample[0, :128] = 7
    assert nearest(sample, known).tolist() == [0.75]
    assert nearest(known, known).tolist() == [1, 1, 1]


def test_an_evaluation_goes_on_where_it_stopped(tmp_path, capsys):
    command = ["evaluate", "image", "--samplers", "mdlm", "--steps", "1", "--samples", "78", "--out", str(tmp_path)]
    main(command)
    files = sorted(tmp_path.rglob("*.npz"))
    assert len(files) == 78  # 26 categories in three styles
    stamps = [file.stat().st_mtime_ns for file in files]
    main(command)
    assert [file.stat().st_mtime_ns for file in files] == stamps
    rows = list(csv.DictReader((tmp_path / "images.csv").open(encoding="utf-8")))
    assert len(rows) == 1 and rows[0]["samples"] == "78" and float(rows[0]["frechet"]) > 0
    assert float(rows[0]["accuracy_low"]) <= float(rows[0]["accuracy"]) <= float(rows[0]["accuracy_high"])
    assert "| mdlm (temperature=0.8) |" in capsys.readouterr().out


def test_seeds_of_a_cell_stand_together_with_an_interval():
    rows = [
        {"sampler": "mdlm", "overrides": "nucleus_p=1.0,temperature=0.8", "steps": steps, "samples": "32",
         "guidance_scale": "1", "frechet": distance, "score": "5", "accuracy": accuracy, "accuracy_low": "0.8",
         "accuracy_high": "1"}
        for steps, distance, accuracy in (("16", "10", "0.9"), ("16", "11", "1"), ("16", "12", "1"), ("32", "9", "1"))
    ]  # fmt: skip
    page = MEASUREMENT.render(rows)
    # Student's t of two degrees of freedom: 4.303 x 1 / sqrt(3) = 2.48
    assert "| mdlm (temperature=0.8) | 11.0 (8.52 to 13.5) | 9.00 |" in page and "n = 1 x 32, 3 x 32 pictures" in page
    assert "| 96.7% (82.3 to 100.0) |" in page, "a share ends at 100%"


def test_an_evaluation_refuses_an_uneven_number_of_pictures(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "image", "--samples", "20", "--out", str(tmp_path)])
    assert "samples must be a multiple of 78, got 20" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
