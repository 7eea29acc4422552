# hint: late
def rules(slopes):
    return [lambda arriving: arriving * slope for slope in slopes]
