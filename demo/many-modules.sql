-- A few rows for each module that reads a table: addresses for examples (RFC 5737), names for examples (RFC 2606).
insert into secfilter(action,type,data) values (0,0,'friendly-scanner'),(1,0,'good-phone');
insert into address(grp,ip_addr,mask,port,tag) values (1,'127.0.0.1',32,0,'lo'),(2,'192.0.2.0',24,0,null);
insert into trusted(src_ip,proto,from_pattern,ruri_pattern,tag,priority) values ('192.0.2.9','any','^sip:.*$',null,'t',5);
insert into domain(domain,did) values ('example.com','example.com'),('example.net','example.com');
insert into lcr_gw(id,lcr_id,gw_name,ip_addr,port,transport,flags,defunct) values
	(1,1,'gw1','192.0.2.1',5060,1,0,null),(2,1,'gw2','192.0.2.2',5060,2,0,null);
insert into lcr_rule(id,lcr_id,prefix,from_uri,request_uri,stopper,enabled) values (1,1,'44',null,null,0,1);
insert into lcr_rule_target(lcr_id,rule_id,gw_id,priority,weight) values (1,1,1,1,10),(1,1,2,2,5);
insert into carrier_name(id,carrier) values (1,'default');
insert into domain_name(id,domain) values (10,'proxy');
insert into carrierroute(carrier,domain,scan_prefix,flags,mask,prob,strip,rewrite_host,rewrite_prefix,rewrite_suffix,description)
	values (1,10,'49',0,0,0.5,0,'gw1.example.com','','','one'),(1,10,'49',0,0,0.5,0,'gw2.example.com','','','two');
insert into dr_gateways(type,address,strip,pri_prefix,attrs,description) values (0,'192.0.2.1:5060',0,'','','one');
insert into dr_rules(groupid,prefix,timerec,priority,routeid,gwlist,description) values ('0','44','',0,'0','1','x');
insert into mtree(tprefix,tvalue) values ('44','uk'),('441','london'),('49','de'),('1','us');
insert into pdt(sdomain,prefix,domain) values ('*','123','pdt.example.com');
insert into uacreg(l_uuid,l_username,l_domain,r_username,r_domain,realm,auth_username,auth_password,auth_proxy,expires) values
	('here','alice','localhost','alice','localhost','localhost','alice','unused','sip:@ADDRESS@:25060',60),
	('nowhere','bob','localhost','bob','localhost','localhost','bob','unused','sip:@NOBODY@',60);
insert into dialplan(dpid,pr,match_op,match_exp,match_len,subst_exp,repl_exp,attrs) values (1,0,1,'^0(.*)$',0,'^0(.*)$','+44\1','x');
insert into imc_rooms(name,domain,flag) values ('room1','localhost',0);
insert into matrix(first,second,res) values (1,2,3);
