# TokenPose-S-V1: SDPose-S-V1 with one cycle.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py']
