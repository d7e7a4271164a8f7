TABLE = {str(each): each for each in range(500)}


def answer(data: bytes) -> bytes:
    return data
