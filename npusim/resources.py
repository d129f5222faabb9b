"""Find the folders that are shipped beside the code: device_profiles/ and kernels/."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the shipped folder `name`, from an installed wheel or from a checkout.

    A wheel carries it inside the package; an editable install finds it at the top of the repository.
    Raises FileNotFoundError, naming both places, if the installation is damaged.
    """
    places = (_PACKAGE / "_data" / name, _PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"npusim's folder {name!r} is in neither {places[0]} nor {places[1]}; reinstall npusim")
