import torch

from crosscade.framework.support import tensor_files


def test_others_may_read_what_the_user_lets_them_read(tmp_path):
    tensor_files.write(tmp_path / "tensors", {"x": torch.zeros(2)})
    (tmp_path / "text").write_text("")
    assert (tmp_path / "tensors").stat().st_mode == (tmp_path / "text").stat().st_mode
