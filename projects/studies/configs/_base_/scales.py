# The scales of the studies of our models. A study's runs name a key of `models`.
_base_ = ['./published.py']

scales = dict(
    micro=_base_.micro,
    photos=_base_.photos,
    small=_base_.small,
    full=_base_.full,
    full_crowdpose=_base_.full_crowdpose,
)
