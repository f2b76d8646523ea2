# TokenPose-N: SDPose-N with the one cycle that is deployed.
_base_ = ['../../../_base_/token_heatmap_lspet-256x192.py']
