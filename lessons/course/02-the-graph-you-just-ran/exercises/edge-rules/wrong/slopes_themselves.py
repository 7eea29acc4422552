# hint: numbers
def rules(slopes):
    arriving = 1.0
    return [arriving * slope for slope in slopes]
