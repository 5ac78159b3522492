"""Names of ports and of protocol numbers, for people. No look-up leaves the machine.

The tables were made once from Debian's copies of IANA's registries: ``/etc/services`` and ``/etc/protocols`` of netbase
6.4 ("Service Name and Transport Protocol Port Number Registry", "Protocol Numbers"). Of several names the first one is
here. Ports from 49152 up belong to nobody (RFC 6335, 6). A name says what a port is registered for or usually has, not
what it was used for.
"""

from collections.abc import Mapping
from functools import cache

TCP, UDP = 6, 17
"""IANA's protocol numbers."""

_TCP_ONLY, _UDP_ONLY = "t", "u"

_REGISTERED = """
1t/tcpmux 7/echo 9/discard 11t/systat 13/daytime 15t/netstat 17t/qotd 19/chargen 20t/ftp-data 21t/ftp 21u/fsp
22t/ssh 23t/telnet 25t/smtp 37/time 43t/whois 49/tacacs 53/domain 67u/bootps 68u/bootpc 69u/tftp 70t/gopher
79t/finger 80t/http 88/kerberos 102t/iso-tsap 104t/acr-nema 106t/poppassd 110t/pop3 111/sunrpc 113t/auth
119t/nntp 123u/ntp 135t/epmap 137u/netbios-ns 138u/netbios-dgm 139t/netbios-ssn 143t/imap2 161/snmp
162/snmp-trap 163/cmip-man 164/cmip-agent 174t/mailq 177u/xdmcp 179t/bgp 199t/smux 209t/qmtp 210t/z3950 213u/ipx
319u/ptp-event 320u/ptp-general 345t/pawserv 346t/zserv 369/rpc2portmap 370/codaauth2 371u/clearcase 389/ldap
427/svrloc 443/https 444t/snpp 445t/microsoft-ds 464/kpasswd 465t/submissions 487t/saft 500u/isakmp 512t/exec
512u/biff 513t/login 513u/who 514t/shell 514u/syslog 515t/printer 517u/talk 518u/ntalk 520u/route 538/gdomap
540t/uucp 543t/klogin 544t/kshell 546u/dhcpv6-client 547u/dhcpv6-server 548t/afpovertcp 554/rtsp 563t/nntps
587t/submission 607t/nqs 623u/asf-rmcp 628t/qmqp 631t/ipp 636/ldaps 646/ldp 655/tinc 706t/silc 749t/kerberos-adm
750/kerberos4 751/kerberos-master 752u/passwd-server 754t/krb-prop 775t/moira-db 777t/moira-update
779u/moira-ureg 783t/spamd 853/domain-s 871t/supfilesrv 873t/rsync 989t/ftps-data 990t/ftps 992t/telnets
993t/imaps 995t/pop3s 1080t/socks 1093t/proofd 1094t/rootd 1099t/rmiregistry 1127t/supfiledbg 1178t/skkserv
1194/openvpn 1210u/predict 1236t/rmtcfg 1313t/xtel 1314t/xtelw 1352t/lotusnote 1433t/ms-sql-s 1434u/ms-sql-m
1524t/ingreslock 1645/datametrics 1646/sa-msg-port 1649t/kermit 1677t/groupwise 1701u/l2f 1812/radius
1813/radius-acct 2000t/cisco-sccp 2049/nfs 2086/gnunet 2101/rtcm-sc104 2102u/zephyr-srv 2103u/zephyr-clt
2104u/zephyr-hm 2119t/gsigatekeeper 2121t/iprop 2135t/gris 2401t/cvspserver 2430/venus 2431/venus-se
2432/codasrv 2433/codasrv-se 2583/mon 2600t/zebrasrv 2601t/zebra 2602t/ripd 2603t/ripngd 2604t/ospfd 2605t/bgpd
2606t/ospf6d 2607t/ospfapi 2608t/isisd 2628t/dict 2792t/f5-globalsite 2811t/gsiftp 2947t/gpsd 3050t/gds-db
3130u/icpv2 3205/isns 3260t/iscsi-target 3306t/mysql 3389t/ms-wbt-server 3493/nut 3632t/distcc 3689t/daap
3690t/svn 4031t/suucp 4094t/sysrqd 4190t/sieve 4353t/f5-iquery 4369t/epmd 4373t/remctl 4460t/ntske
4500u/ipsec-nat-t 4557t/fax 4559t/hylafax 4569u/iax 4691t/mtn 4899t/radmin-port 4949t/munin 5060/sip
5061/sip-tls 5222t/xmpp-client 5269t/xmpp-server 5308t/cfengine 5353u/mdns 5432t/postgresql 5555u/rplay
5556t/freeciv 5666t/nrpe 5667t/nsca 5671t/amqps 5672t/amqp 5680t/canna 6000t/x11 6001t/x11-1 6002t/x11-2
6003t/x11-3 6004t/x11-4 6005t/x11-5 6006t/x11-6 6007t/x11-7 6346/gnutella-svc 6347/gnutella-rtr 6379t/redis
6444t/sge-qmaster 6445t/sge-execd 6446t/mysql-proxy 6514t/syslog-tls 6566t/sane-port 6667t/ircd 6696u/babel
6697t/ircs-u 7000t/bbs 7000u/afs3-fileserver 7001u/afs3-callback 7002u/afs3-prserver 7003u/afs3-vlserver
7004u/afs3-kaserver 7005u/afs3-volser 7007u/afs3-bos 7008u/afs3-update 7009u/afs3-rmtsys 7100t/font-service
8021t/zope-ftp 8080t/http-alt 8081t/tproxy 8088t/omniorb 8140t/puppet 8990t/clc-build-daemon 9098t/xinetd
9101t/bacula-dir 9102t/bacula-fd 9103t/bacula-sd 9418t/git 9667t/xmms2 9673t/zope 10000t/webmin
10050t/zabbix-agent 10051t/zabbix-trapper 10080t/amanda 10081t/kamanda 10082t/amandaidx 10083t/amidxtape
10809t/nbd 11112t/dicom 11371t/hkp 17001u/sgi-cmsd 17002u/sgi-crsd 17003u/sgi-gcd 17004t/sgi-cad 17500t/db-lsp
22125t/dcap 22128t/gsidcap 22273t/wnn6 24554t/binkp 27374/asp 30865t/csync2
"""
"""Each port, with ``t`` or ``u`` where only TCP or only UDP has it, and its name."""

_CUSTOMARY = """
1521t/oracle 1723t/pptp 1883t/mqtt 2181t/zookeeper 2222t/ssh-alt 2375t/docker 2376t/docker-tls 2379t/etcd-client
2380t/etcd-server 3000t/http-dev 3128t/squid 3268t/global-catalog 3389/rdp 3478/stun 5000t/http-dev 5044t/beats
5439t/redshift 5601t/kibana 5900t/vnc 5901t/vnc-1 5984t/couchdb 5985t/winrm 5986t/winrm-tls 6443t/kubernetes
7474t/neo4j 7687t/neo4j-bolt 8000t/http-alt 8086t/influxdb 8182t/neptune 8333t/bitcoin 8443t/https-alt 8883t/mqtt-tls
8888t/http-alt 9000t/http-alt 9042t/cassandra 9090t/prometheus 9092t/kafka 9094t/kafka-tls 9100t/jetdirect
9200t/elasticsearch 9300t/elasticsearch-nodes 10250t/kubelet 11211/memcached 15672t/rabbitmq-ui 27017t/mongodb
27018t/mongodb 27019t/mongodb
"""
"""Ports that Debian's file lacks, or that people know by another name: what usually listens there."""

_PROTOCOLS = """
0/HOPOPT 1/ICMP 2/IGMP 3/GGP 4/IP-ENCAP 5/ST 6/TCP 8/EGP 9/IGP 12/PUP 17/UDP 20/HMP 22/XNS-IDP 27/RDP
29/ISO-TP4 33/DCCP 36/XTP 37/DDP 38/IDPR-CMTP 41/IPv6 43/IPv6-Route 44/IPv6-Frag 45/IDRP 46/RSVP 47/GRE
50/IPSEC-ESP 51/IPSEC-AH 57/SKIP 58/IPv6-ICMP 59/IPv6-NoNxt 60/IPv6-Opts 73/RSPF 81/VMTP 88/EIGRP 89/OSPFIGP
93/AX.25 94/IPIP 97/ETHERIP 98/ENCAP 103/PIM 108/IPCOMP 112/VRRP 115/L2TP 124/ISIS 132/SCTP 133/FC
135/Mobility-Header 136/UDPLite 137/MPLS-in-IP 138/manet 139/HIP 140/Shim6 141/WESP 142/ROHC 143/Ethernet
262/MPTCP
"""


def service_name(port: int, protocol: int = TCP) -> str | None:
    """The name of what a TCP or UDP port is for, such as ``ssh``; None where it has none, and for other protocols."""
    return _services().get((port, protocol))


def protocol_name(number: int) -> str | None:
    """The name of a protocol number of IP, such as ``TCP``; None where it has none."""
    return _protocols().get(number)


@cache
def _services() -> Mapping[tuple[int, int], str]:
    """The names, by port and protocol number."""
    names = {}
    for entry in f"{_REGISTERED} {_CUSTOMARY}".split():
        port, _, name = entry.partition("/")
        protocols = {_TCP_ONLY: (TCP,), _UDP_ONLY: (UDP,)}.get(port[-1], (TCP, UDP))
        names.update({(int(port.rstrip(_TCP_ONLY + _UDP_ONLY)), protocol): name for protocol in protocols})
    return names


@cache
def _protocols() -> Mapping[int, str]:
    return {int(number): name for number, _, name in (entry.partition("/") for entry in _PROTOCOLS.split())}
