"""A proxy in a process of its own that cuts connections: in the middle of an answer, which the server believes sent.

It listens on two ports. On the second one, a line ``<bytes> <times>`` arms it: the next so many connections are reset
as soon as so many bytes more have come back over them. A line without numbers asks how many were reset since.
"""

import asyncio
import os
import signal
import socket
import struct
from urllib.parse import urlsplit


class CuttingProxy:
    """The proxy's process. `url` is where clients go in the place of `upstream`."""

    def __init__(self, upstream: str) -> None:
        where = urlsplit(upstream)
        listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.url = f"http://127.0.0.1:{listening[0].getsockname()[1]}"
        self._control = listening[1].getsockname()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                asyncio.run(_serve(*listening, str(where.hostname), int(where.port or 80), os.getppid()))
            finally:
                os._exit(0)
        for one in listening:
            one.close()

    def arm(self, after_bytes: int, times: int) -> None:
        """Cut so many connections, each when so many more bytes of answers have come back over it."""
        self._ask(f"{after_bytes} {times}\n")

    def cuts(self) -> int:
        """How many connections were cut since it was armed; it is not armed any more."""
        return int(self._ask("\n"))

    def stop(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _ask(self, line: str) -> str:
        with socket.create_connection(self._control) as asking:
            asking.sendall(line.encode())
            return asking.makefile().readline()


class _Armed:
    left, after, done = 0, 0, 0


async def _serve(clients: socket.socket, control: socket.socket, host: str, port: int, parent: int) -> None:
    armed = _Armed()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, back_writer), _pump_back(back_reader, writer, back_writer, armed))

    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        numbers = (await reader.readline()).split()
        writer.write(b"%d\n" % armed.done)
        armed.after, armed.left = (int(numbers[0]), int(numbers[1])) if numbers else (0, 0)
        armed.done = 0
        await writer.drain()
        writer.close()

    await asyncio.start_server(relay, sock=clients)
    await asyncio.start_server(obey, sock=control)
    while os.getppid() == parent:
        await asyncio.sleep(1)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _pump_back(
    reader: asyncio.StreamReader, client: asyncio.StreamWriter, upstream: asyncio.StreamWriter, armed: _Armed
) -> None:
    try:
        while data := await reader.read(1 << 16):
            if armed.left and len(data) > armed.after:
                armed.left -= 1
                armed.done += 1
                client.write(data[: armed.after])
                await client.drain()
                raw = client.get_extra_info("socket")
                # A reset, and no orderly end: the client must not take a part for the whole.
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.transport.abort()
                return
            if armed.left:
                armed.after -= len(data)
            client.write(data)
            await client.drain()
    except OSError:
        pass
    finally:
        client.close()
        upstream.close()
