// An SMSC whose codec is not ours (npm smpp). What the end of a number does is the same as in certify/smsc.py.
const smpp = require(process.argv[2]);
let taken = 0;
const statuses = {190: smpp.ESME_RINVDSTADR, 191: 0x0400, 192: smpp.ESME_RTHROTTLED, 194: smpp.ESME_RSYSERR};

const server = smpp.createServer((session) => {
  session.on('error', () => {});
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('bind_transceiver', (pdu) => {
    const known = pdu.password === 'secret';
    session.send(pdu.response({command_status: known ? 0 : smpp.ESME_RINVPASWD, system_id: 'node'}));
  });
  session.on('submit_sm', (pdu) => {
    const end = pdu.destination_addr.slice(-3);
    if (end === '193') return session.socket.destroy();
    if (statuses[end]) return session.send(pdu.response({command_status: statuses[end]}));
    taken += 1;
    // The answer writes ids of these phones in hex, the receipt in decimal: Nexmo, SMPPSim and others do.
    const swaps = end === '123';
    const number = 12344 + taken;
    const id = swaps ? number.toString(16) : `id-${taken}`;
    session.send(pdu.response({message_id: id}));
    for (const stat of ['ENROUTE', 'DELIVRD', 'DELIVRD']) {
      session.deliver_sm({
        source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, source_addr_ton: 1, source_addr_npi: 1,
        esm_class: 4,
        short_message: `id:${swaps ? number : id} sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 ` +
          `stat:${stat} err:000 text:Hello`,
      });
    }
    if (end === '123') {
      session.deliver_sm({source_addr: pdu.destination_addr, destination_addr: '447700900100', source_addr_ton: 1,
        source_addr_npi: 1, short_message: 'STOP'});
    }
  });
});
server.listen(Number(process.argv[3]), '127.0.0.1');
