# DistilPose-N without a teacher: 3 layers where its teacher has 4.
_base_ = ['../../../_base_/token_regression_lspet-256x192.py']

model = dict(head=dict(encoder=dict(depth=3)))
